//! `traceparent` of W3C Trace Context, level 1.

use http::HeaderName;

/// The header in which they come.
pub(super) static TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// What every version says: `00-`, 32 digits, `-`, 16 digits, `-01`.
const KNOWN_BYTES: usize = 55;

/// The trace and the span that a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TraceParent<'a> {
    /// 32 hexadecimal digits.
    pub(super) trace_id: &'a str,
    /// 16 hexadecimal digits: the span of whoever sent the request.
    pub(super) span_id: &'a str,
}

impl<'a> TraceParent<'a> {
    /// What the one value of the header says. Later versions may say more, after another `-`.
    pub(super) fn read(values: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut values = values.into_iter();
        let only = values.next().filter(|_| values.next().is_none());
        let (known, later) = only?.split_at_checked(KNOWN_BYTES)?;
        let [version, trace_id, span_id, flags] = [0..2, 3..35, 36..52, 53..55].map(|digits| &known[digits]);
        let is_whole = later.is_empty() || (version != b"00" && later.starts_with(b"-"));
        let is_valid = is_whole
            && [2, 35, 52].iter().all(|at| known[*at] == b'-')
            && [version, trace_id, span_id, flags].iter().all(|digits| digits.iter().all(|digit| is_digit(*digit)))
            && version != b"ff"
            && [trace_id, span_id].iter().all(|digits| digits.iter().any(|digit| *digit != b'0'));
        let text = |digits| str::from_utf8(digits).ok();
        if is_valid { Some(Self { trace_id: text(trace_id)?, span_id: text(span_id)? }) } else { None }
    }
}

/// Hexadecimal, in lower case.
const fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<TraceParent<'_>> {
        TraceParent::read([value.as_bytes()])
    }

    #[test]
    fn only_a_valid_traceparent_is_read() {
        let expected = TraceParent { trace_id: "0af7651916cd43dd8448eb211c80319c", span_id: "b7ad6b7169203331" };
        assert_eq!(read("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), Some(expected));
        assert_eq!(read("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later"), Some(expected));
        for invalid in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-later",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
        ] {
            assert_eq!(read(invalid), None, "{invalid}");
        }
        let twice = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".as_slice();
        assert_eq!(TraceParent::read([twice, twice]), None);
    }
}
