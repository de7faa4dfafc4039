//! Date-Time as ISO 8601 text, in the form of RFC 3339.

use core::fmt;

const DAY: i64 = 86_400;
/// From 0000-03-01 to 1970-01-01.
const EPOCH: i64 = 719_468;
/// A cycle of the Gregorian calendar: 400 years.
const CYCLE: i64 = 146_097;

/// Seconds since 1970-01-01T00:00:00Z, printed as `2009-11-12T12:13:14Z`; outside the years 0 to 9999 as a number.
pub(crate) struct Seconds(pub(crate) i64);

/// Microseconds since 1970-01-01T00:00:00Z, printed as `2009-11-12T12:13:14.000015Z`; outside those years as a number.
pub(crate) struct Microseconds(pub(crate) i64);

/// Whether seconds since the epoch lie in the years 0 to 9999, which have a text form.
pub(crate) fn has_text(seconds: i64) -> bool {
    (-62_167_219_200..253_402_300_800).contains(&seconds)
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_seconds(self.0, f)?;
        if has_text(self.0) { f.write_str("Z") } else { Ok(()) }
    }
}

impl fmt::Display for Microseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.div_euclid(1_000_000);
        if !has_text(seconds) {
            return write!(f, "{}", self.0);
        }
        write_seconds(seconds, f)?;
        write!(f, ".{:06}Z", self.0.rem_euclid(1_000_000))
    }
}

fn write_seconds(seconds: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !has_text(seconds) {
        return write!(f, "{seconds}");
    }
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let time = seconds.rem_euclid(DAY);
    write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60)
}

/// The date of a day counted from 1970-01-01. The year begins with March, so that the leap day ends it.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + EPOCH;
    let cycle = day.div_euclid(CYCLE);
    let day = day.rem_euclid(CYCLE);
    let year = (day - day / 1460 + day / 36_524 - day / (CYCLE - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + cycle * 400 + i64::from(month <= 2), month, day)
}

/// The day of a date, counted from 1970-01-01.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let cycle = year.div_euclid(400);
    let year = year.rem_euclid(400);
    let month = if month > 2 { month - 3 } else { month + 9 };
    cycle * CYCLE + year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5 + day - 1 - EPOCH
}

/// A date as text: seconds since the epoch, and the nanoseconds of a fraction, if there was one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(not(any(feature = "json", feature = "xml")), allow(dead_code))]
pub(crate) struct Parsed {
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: u32,
}

/// Reads `2009-11-12T12:13:14Z`, with an optional fraction of up to nine digits and with an offset such as `+02:00`
/// in place of `Z`.
#[cfg_attr(not(any(feature = "json", feature = "xml")), allow(dead_code))]
pub(crate) fn parse(text: &str) -> Option<Parsed> {
    let mut rest = text.as_bytes();
    let year = number(&mut rest, 4)?;
    let month = after(&mut rest, b'-').then(|| number(&mut rest, 2))??;
    let day = after(&mut rest, b'-').then(|| number(&mut rest, 2))??;
    let hour = (after(&mut rest, b'T') || after(&mut rest, b't')).then(|| number(&mut rest, 2))??;
    let minute = after(&mut rest, b':').then(|| number(&mut rest, 2))??;
    let second = after(&mut rest, b':').then(|| number(&mut rest, 2))??;
    let date = day_number(year, month, day);
    if !(1..=12).contains(&month)
        || civil(date) != (year, month, day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let mut nanoseconds = 0;
    if after(&mut rest, b'.') {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&digits) {
            return None;
        }
        nanoseconds = number(&mut rest, digits)? * 10_i64.pow(9 - digits as u32);
    }
    let offset = if after(&mut rest, b'Z') || after(&mut rest, b'z') {
        0
    } else {
        let sign = if after(&mut rest, b'-') {
            -1
        } else if after(&mut rest, b'+') {
            1
        } else {
            return None;
        };
        let hours = number(&mut rest, 2)?;
        let minutes = after(&mut rest, b':').then(|| number(&mut rest, 2))??;
        if hours > 23 || minutes > 59 {
            return None;
        }
        sign * (hours * 3600 + minutes * 60)
    };
    let seconds = date * DAY + hour * 3600 + minute * 60 + second - offset;
    rest.is_empty().then_some(Parsed { seconds, nanoseconds: nanoseconds as u32 })
}

/// Takes this many digits off the front.
fn number(rest: &mut &[u8], digits: usize) -> Option<i64> {
    let (front, behind) = rest.split_at_checked(digits)?;
    *rest = behind;
    front.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

/// Takes this byte off the front, if it stands there.
fn after(rest: &mut &[u8], byte: u8) -> bool {
    let stands = rest.first() == Some(&byte);
    if stands {
        *rest = rest.get(1..).unwrap_or_default();
    }
    stands
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn dates_agree_with_a_calendar_library() {
        // Every 37th day and an odd time of it, over the whole range but the last day, which the library has not.
        let (first, last) = (-62_167_219_200_i64, jiff::Timestamp::MAX.as_second());
        assert!(has_text(first) && has_text(last) && !has_text(first - 1) && last > 253_402_200_000);
        let samples = (first..last).step_by(37 * 86_400 + 4_567).chain([
            first,
            last,
            -1,
            0,
            951_782_400,
            1_709_164_800,
        ]);
        let mut count = 0;
        for seconds in samples {
            let expected = jiff::Timestamp::from_second(seconds).unwrap().to_string();
            assert_eq!(Seconds(seconds).to_string(), expected);
            assert_eq!(parse(&expected), Some(Parsed { seconds, nanoseconds: 0 }));
            count += 1;
        }
        assert!(count > 98_000, "{count}");
    }

    #[test]
    fn fractions_and_offsets_are_read() {
        let at = |text| parse(text).map(|date| (date.seconds, date.nanoseconds));
        assert_eq!(at("1970-01-01T01:00:00.5+01:00"), Some((0, 500_000_000)));
        assert_eq!(at("1970-01-01T00:00:00-02:30"), Some((9000, 0)));
        assert_eq!(at("2026-11-21T23:03:58.961193479Z"), Some((1_795_302_238, 961_193_479)));
        assert_eq!(Microseconds(-1).to_string(), "1969-12-31T23:59:59.999999Z");
        assert_eq!(Microseconds(1_500_000).to_string(), "1970-01-01T00:00:01.500000Z");
        assert_eq!(Seconds(253_402_300_799).to_string(), "9999-12-31T23:59:59Z");
        assert_eq!(Seconds(253_402_300_800).to_string(), "253402300800");
        assert_eq!(Seconds(i64::MAX).to_string(), i64::MAX.to_string());
        assert_eq!(Microseconds(i64::MIN).to_string(), i64::MIN.to_string());
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-13-01T00:00:00Z",
            "1970-00-01T00:00:00Z",
            "1970-02-29T00:00:00Z",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:60Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.1234567890Z",
            "1970-01-01T00:00:00Z ",
            "1970-01-01T00:00:00+1",
            "+970-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
