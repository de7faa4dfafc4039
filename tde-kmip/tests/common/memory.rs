//! A transport in memory: what the client sends goes to a function, whose answer it reads.

use std::{
    fmt,
    io::{self, Read, Write},
    sync::{Arc, Mutex},
};

use tde_kmip::{
    client::{Client, ClientBuilder, ConnectError, Connector, ServerAddress, Transport},
    framing::Deadline,
};

type Answer = Arc<Mutex<dyn FnMut(&[u8]) -> Vec<u8> + Send>>;

/// A client whose every request goes to `answer`.
pub(crate) fn client(answer: impl FnMut(&[u8]) -> Vec<u8> + Send + 'static) -> ClientBuilder {
    Client::with_connector(Arc::new(Memory(Arc::new(Mutex::new(answer)))))
        .server(ServerAddress::new("memory", 5696))
}

struct Memory(Answer);

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

impl Connector for Memory {
    fn connect(&self, _: &ServerAddress, _: Deadline) -> Result<Box<dyn Transport>, ConnectError> {
        let answer = Arc::clone(&self.0);
        Ok(Box::new(Pipe { answer, sent: Vec::new(), to_read: Vec::new(), written: 0 }))
    }
}

struct Pipe {
    answer: Answer,
    sent: Vec<u8>,
    to_read: Vec<u8>,
    written: u64,
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pipe")
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.to_read.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.to_read[..count]);
        self.to_read.drain(..count);
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sent.extend_from_slice(bytes);
        self.written += bytes.len() as u64;
        Ok(bytes.len())
    }

    /// The client flushes after a whole message.
    fn flush(&mut self) -> io::Result<()> {
        let request = std::mem::take(&mut self.sent);
        self.to_read = (self.answer.lock().unwrap())(&request);
        Ok(())
    }
}

impl Transport for Pipe {
    fn set_deadline(&mut self, _: Deadline) {}

    fn written(&self) -> u64 {
        self.written
    }
}
