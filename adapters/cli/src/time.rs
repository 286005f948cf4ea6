//! Times as depositors write them.

use messages::ids::TimeMs;
use std::time::{SystemTime, UNIX_EPOCH};

/// A depositor's own claim of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeclaredTime {
    /// No claim.
    None,
    /// This time.
    At(TimeMs),
}

/// Reads `none` or an RFC 3339 time.
pub(crate) fn parse_declared(text: &str) -> Result<DeclaredTime, String> {
    if text == "none" {
        return Ok(DeclaredTime::None);
    }
    parse_rfc3339(text).map(DeclaredTime::At).ok_or_else(|| {
        format!("expected \"none\" or a time like 2026-03-01T09:30:00Z, found {text:?}")
    })
}

/// This machine's clock.
pub(crate) fn now() -> TimeMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock before 1970 claims nothing later than the epoch.
    TimeMs(since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)))
}

/// Reads `YYYY-MM-DDThh:mm:ss[.fraction](Z|±hh:mm)` from 1970 on; digits below a millisecond are
/// dropped.
fn parse_rfc3339(text: &str) -> Option<TimeMs> {
    let bytes = text.as_bytes();
    let shape = bytes.len() >= 20
        && text.is_ascii()
        && [4, 7].iter().all(|i| bytes[*i] == b'-')
        && matches!(bytes[10], b'T' | b't' | b' ')
        && [13, 16].iter().all(|i| bytes[*i] == b':');
    if !shape {
        return None;
    }
    let (year, month, day) = (
        number(&text[..4])?,
        number(&text[5..7])?,
        number(&text[8..10])?,
    );
    let (hour, minute) = (number(&text[11..13])?, number(&text[14..16])?);
    let second = number(&text[17..19])?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (fraction_ms, zone) = fraction(&text[19..])?;
    let offset_minutes = offset(zone)?;
    let minutes = days(year, month, day)? * 1440 + hour * 60 + minute - offset_minutes;
    u64::try_from((minutes * 60 + second) * 1000 + fraction_ms)
        .ok()
        .map(TimeMs)
}

fn number(digits: &str) -> Option<i64> {
    let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if all { digits.parse().ok() } else { None }
}

/// Milliseconds of an optional fraction, and what follows it.
fn fraction(rest: &str) -> Option<(i64, &str)> {
    let Some(rest) = rest.strip_prefix('.') else {
        return Some((0, rest));
    };
    let end = rest.bytes().position(|b| !b.is_ascii_digit())?;
    let mut ms = String::from(&rest[..end.min(3)]);
    while !ms.is_empty() && ms.len() < 3 {
        ms.push('0');
    }
    Some((number(&ms)?, &rest[end..]))
}

fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = zone[1..].split_once(':')?;
    let fits = hours.len() == 2 && minutes.len() == 2;
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (fits && hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes))
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let february = if leap { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month - 1).ok()?)?;
    if !(1..=length).contains(&day) {
        return None;
    }
    let before = year - 1;
    let of_years = before * 365 + before / 4 - before / 100 + before / 400;
    let of_months: i64 = lengths.iter().take(usize::try_from(month - 1).ok()?).sum();
    // 719,162 days lie between 0001-01-01 and the epoch.
    Some(of_years + of_months + day - 1 - 719_162)
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::report::utc_text;

    #[test]
    fn times_are_read_as_the_report_writes_them() {
        for seconds in [0, 86_399, 951_782_400, 1_700_000_000, 4_107_542_399] {
            let read = parse_rfc3339(&utc_text(seconds));
            assert_eq!(read, Some(TimeMs(seconds * 1000)), "{}", utc_text(seconds));
        }
    }

    #[test]
    fn offsets_and_fractions_count() {
        let at = |text| parse_rfc3339(text).map(|t| t.0);
        assert_eq!(at("2023-11-15T06:13:20.12+08:00"), Some(1_700_000_000_120));
        assert_eq!(at("2023-11-14T22:13:20.123456Z"), Some(1_700_000_000_123));
        assert_eq!(at("2023-11-14t17:13:20-05:00"), Some(1_700_000_000_000));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "yesterday",
            "2023-11-14",
            "2023-11-14T22:13:20",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-00-01T00:00:00Z",
            "2023-11-14T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "2023-11-14T22:13:20.Z",
            "2023-11-14T22:13:20+8:00",
            "2023-11-14T22:13:20Zzz",
            "２０２３-11-14T22:13:20Z",
        ] {
            assert!(parse_declared(text).is_err(), "{text:?}");
        }
        assert_eq!(parse_declared("none"), Ok(DeclaredTime::None));
    }
}
