use std::{
    cell::Cell,
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::*;

const REQUEST: [u8; 4] = [0x42, 0x00, 0x78, 0x01];

fn message(body: usize) -> Vec<u8> {
    let length = u32::try_from(body).unwrap().to_be_bytes();
    let mut bytes = [REQUEST, length].concat();
    bytes.resize(8 + body, 0xA5);
    bytes
}

/// Gives what it has in pieces, each read at most one.
struct Pieces(VecDeque<Vec<u8>>);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.0.front_mut() else { return Ok(0) };
        let count = piece.len().min(buffer.len());
        buffer[..count].copy_from_slice(&piece[..count]);
        piece.drain(..count);
        if piece.is_empty() {
            self.0.pop_front();
        }
        Ok(count)
    }
}

#[test]
fn messages_come_out_whole_however_they_come_in() {
    let sent = [message(0), message(16), message(100_000), message(8)];
    for size in [1, 7, 4096, 1 << 20] {
        let all = sent.concat();
        let mut stream = Pieces(all.chunks(size).map(<[u8]>::to_vec).collect());
        let mut buffer = MessageBuffer::new(Direction::Request, 1 << 20);
        for message in &sent {
            assert_eq!(read_message(&mut stream, &mut buffer).unwrap(), message);
        }
        assert!(matches!(read_message(&mut stream, &mut buffer), Err(FramingError::Closed)));
    }
}

#[test]
fn nothing_is_allocated_for_what_is_only_announced() {
    let mut buffer = MessageBuffer::new(Direction::Request, 16 << 20);
    let mut announced: &[u8] = &[REQUEST, [0, 0xFF, 0xFF, 0xF0]].concat();
    let error = read_message(&mut announced, &mut buffer).unwrap_err();
    assert!(matches!(error, FramingError::Truncated { received: 8, expected: Some(0xFF_FFF8) }), "{error}");
    assert!(buffer.space().len() <= 16 * 1024);

    for length in [[0xFF; 4], [0xFF, 0xFF, 0xFF, 0xF8], [0x01, 0, 0, 0]] {
        let mut huge: &[u8] = &[REQUEST, length].concat();
        let error = read_message(&mut huge, &mut buffer).unwrap_err();
        assert!(matches!(error, FramingError::TooLarge { limit: 0x100_0000, .. }), "{error}");
        assert_eq!(buffer.space().len(), 0);
    }
}

#[test]
fn a_message_is_a_structure_and_has_its_size() {
    let mut odd: &[u8] = &[REQUEST, [0, 0, 0, 3]].concat();
    let error = read_message(&mut odd, &mut MessageBuffer::new(Direction::Request, 64)).unwrap_err();
    assert_eq!(error.to_string(), "a message of 11 bytes was announced, which is no multiple of 8");
}

#[test]
fn the_limit_counts_the_header() {
    let bytes = message(56);
    let mut buffer = MessageBuffer::new(Direction::Request, 64);
    assert_eq!(read_message(&mut bytes.as_slice(), &mut buffer).unwrap().len(), 64);
    let mut buffer = MessageBuffer::new(Direction::Request, 63);
    let error = read_message(&mut bytes.as_slice(), &mut buffer).unwrap_err();
    assert_eq!(error.to_string(), "a message of 64 bytes was announced; the limit is 63");
}

#[test]
fn other_protocols_are_named() {
    let mut buffer = MessageBuffer::new(Direction::Response, 1 << 20);
    let mut http: &[u8] = b"HTTP/1.1 400 Bad Request\r\n";
    let error = read_message(&mut http, &mut buffer).unwrap_err();
    assert_eq!(error.to_string(), "what came is no KMIP response: it begins with \"HTTP\"");
    let request = message(0);
    let error = read_message(&mut request.as_slice(), &mut buffer).unwrap_err();
    assert_eq!(error.to_string(), "what came is no KMIP response: it begins with 0x42007801");
}

#[test]
fn a_cleared_buffer_holds_nothing_of_the_message() {
    let mut buffer = MessageBuffer::new(Direction::Request, 1 << 20);
    read_message(&mut message(64).as_slice(), &mut buffer).unwrap();
    buffer.clear();
    assert!(buffer.message().is_empty());
    // Room for the next message is the memory of the last one.
    buffer.space()[..8].copy_from_slice(&message(64)[..8]);
    buffer.advance(8).unwrap();
    assert!(buffer.space().iter().all(|byte| *byte == 0));
}

/// A peer that sends a byte each time it is waited for as long as it takes.
struct Slow {
    step: Duration,
    timeout: Cell<Option<Duration>>,
    calls: Cell<u32>,
}

impl Waiting for Slow {
    fn set_read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        assert_ne!(time, Some(Duration::ZERO), "the system refuses that");
        self.calls.set(self.calls.get() + 1);
        self.timeout.set(time);
        Ok(())
    }

    fn set_write_timeout(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.timeout.get() {
            Some(timeout) if timeout < self.step => {
                std::thread::sleep(timeout);
                Err(io::ErrorKind::WouldBlock.into())
            }
            _ => {
                std::thread::sleep(self.step);
                buffer[0] = REQUEST.get(3).copied().unwrap_or_default();
                Ok(1)
            }
        }
    }
}

#[test]
fn a_peer_that_trickles_does_not_outlast_the_deadline() {
    let slow = Slow { step: Duration::from_millis(5), timeout: Cell::new(None), calls: Cell::new(0) };
    let mut stream = Timed::new(slow).unwrap();
    let begin = Instant::now();
    stream.set_deadline(Deadline::after(Duration::from_millis(60)));
    let mut byte = [0];
    let error = loop {
        if let Err(error) = stream.read(&mut byte) {
            break error;
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(60) && took < Duration::from_secs(5), "{took:?}");
    // Halving, not a call for each byte.
    assert!(stream.get_ref().calls.get() < 16, "{}", stream.get_ref().calls.get());
}

#[test]
fn messages_with_time_to_spare_cost_no_system_call() {
    let slow = Slow { step: Duration::ZERO, timeout: Cell::new(None), calls: Cell::new(0) };
    let mut stream = Timed::new(slow).unwrap();
    for _ in 0..1000 {
        stream.set_deadline(Deadline::after(Duration::from_secs(1000)));
        stream.read_exact(&mut [0; 4]).unwrap();
    }
    assert!(stream.get_ref().calls.get() <= 2, "{}", stream.get_ref().calls.get());
}

#[test]
fn the_earlier_deadline_counts() {
    let soon = Deadline::after(Duration::from_secs(1));
    let later = Deadline::after(Duration::from_secs(60));
    assert_eq!(soon.earlier(later), soon);
    assert_eq!(Deadline::NEVER.earlier(later), later);
    assert_eq!(Deadline::NEVER.earlier(Deadline::NEVER).remaining(), None);
    assert!(Deadline::at(Instant::now()).is_past());
    assert!(!Deadline::after(Duration::MAX).is_past());
}
