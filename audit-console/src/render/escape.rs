//! Makes text from the log safe to look at.
//!
//! Whoever can name a project can write into the log, and a terminal obeys what it is shown: control
//! characters move the cursor and rewrite what stands there, bidirectional overrides reorder a line,
//! invisible characters make two names look alike. All of these are shown as escapes.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with every control, bidirectional and invisible character written out: `\n`, `\u{202e}`.
///
/// # Examples
///
/// ```
/// use audit_console::render::escape::visible;
///
/// assert_eq!(visible("proj_456"), "proj_456");
/// assert_eq!(visible("\u{202e}gpj.exe"), "\\u{202e}gpj.exe");
/// ```
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    rewrite(text, |shown, hidden| match hidden {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        // Writing to a String cannot fail.
        other => drop(write!(shown, "\\u{{{:x}}}", u32::from(other))),
    })
}

/// A JSON document with the same characters as JSON escapes (RFC 8259, section 7), so that it reads back
/// as the same value.
///
/// # Examples
///
/// ```
/// use audit_console::render::escape::json;
///
/// assert_eq!(json("{\"name\":\"\u{202e}x\"}"), r#"{"name":"\u202ex"}"#);
/// ```
#[must_use]
pub fn json(document: &str) -> Cow<'_, str> {
    rewrite(document, |shown, hidden| {
        // Between a document's tokens a serialiser writes no control character but the line feed.
        if hidden == '\n' {
            shown.push('\n');
            return;
        }
        for unit in hidden.encode_utf16(&mut [0; 2]) {
            let _ = write!(shown, "\\u{unit:04x}");
        }
    })
}

fn rewrite(text: &str, mut write_out: impl FnMut(&mut String, char)) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_hidden(character) {
            write_out(&mut shown, character);
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Control characters (Cc), format characters (Cf), line and paragraph separators (Zl, Zp), and the
/// letters that are drawn as nothing (Unicode 16, `DerivedGeneralCategory.txt`).
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{600}'..='\u{605}'
                | '\u{61c}'
                | '\u{6dd}'
                | '\u{70f}'
                | '\u{890}'..='\u{891}'
                | '\u{8e2}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{110bd}'
                | '\u{110cd}'
                | '\u{13430}'..='\u{1343f}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_of_any_script_is_left_alone() {
        for text in ["proj_456", "Zoë Müller", "項目", "مشروع", "C:\\temp", "❤️"] {
            assert!(matches!(visible(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn terminal_sequences_are_written_out() {
        assert_eq!(
            visible("\u{1b}[2Jgone\r\nnext\u{7}\u{9b}1m\u{7f}"),
            "\\u{1b}[2Jgone\\r\\nnext\\u{7}\\u{9b}1m\\u{7f}"
        );
    }

    #[test]
    fn bidirectional_and_invisible_characters_are_written_out() {
        for hidden in ['\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}', '\u{200f}', '\u{61c}', '\u{200b}', '\u{e0041}'] {
            assert_eq!(visible(&hidden.to_string()), format!("\\u{{{:x}}}", u32::from(hidden)));
        }
    }

    #[test]
    fn escaped_json_reads_back_as_the_same_value() {
        let value = serde_json::json!({"a\u{202e}": "\u{1b}[0m\u{7f}\u{85}\u{e0041}\u{2028}\n\"\\"});
        for document in [serde_json::to_string(&value).unwrap(), serde_json::to_string_pretty(&value).unwrap()] {
            let shown = json(&document);
            assert!(!shown.replace('\n', "").contains(is_hidden), "{shown}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        }
    }
}
