//! From text to words.

use std::fmt;
use std::ops::Range;

use super::ParseError;

/// One word: its characters, and which of them are to be taken as they are.
#[derive(Debug)]
pub(super) struct Word {
    negated: bool,
    characters: Vec<Character>,
    span: Range<usize>,
}

#[derive(Debug, Clone)]
struct Character {
    value: char,
    /// It was quoted or escaped, and is no syntax.
    literal: bool,
    /// Its bytes in the text.
    span: Range<usize>,
}

/// A part of a word.
#[derive(Debug, Clone)]
pub(super) struct Text<'a> {
    characters: &'a [Character],
    /// Where it is in the text, or would be.
    span: Range<usize>,
}

/// Cuts a text into its words.
pub(super) fn words(text: &str) -> Result<Vec<Word>, ParseError> {
    let mut reader = Reader { text, at: 0 };
    let mut words = Vec::new();
    loop {
        while reader.peek().is_some_and(char::is_whitespace) {
            reader.next();
        }
        if reader.peek().is_none() {
            return Ok(words);
        }
        words.push(reader.word()?);
    }
}

impl Word {
    pub(super) const fn is_negated(&self) -> bool {
        self.negated
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// All of it, after the sign.
    pub(super) fn text(&self) -> Text<'_> {
        Text { characters: &self.characters, span: self.span() }
    }

    /// What stands before the first colon, and what behind it.
    pub(super) fn field(&self) -> Option<(Text<'_>, Text<'_>)> {
        self.text().split_at([':'])
    }
}

impl<'a> Text<'a> {
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Whether it says nothing.
    pub(super) const fn is_empty(&self) -> bool {
        self.characters.is_empty()
    }

    /// Whether it is not there at all: two quotes are.
    pub(super) fn is_missing(&self) -> bool {
        self.span.is_empty()
    }

    /// Whether the character stands in it as syntax, and where first.
    pub(super) fn syntax(&self, wanted: char) -> Option<Range<usize>> {
        let found = self.characters.iter().find(|found| !found.literal && found.value == wanted);
        found.map(|found| found.span.clone())
    }

    /// What stands before the first of these characters that is syntax, and what behind it.
    pub(super) fn split_at<const N: usize>(&self, wanted: [char; N]) -> Option<(Self, Self)> {
        let at = self.characters.iter().position(|found| !found.literal && wanted.contains(&found.value))?;
        let cut = &self.characters[at].span;
        let before = Self { characters: &self.characters[..at], span: self.span.start..cut.start };
        let behind = Self { characters: &self.characters[at + 1..], span: cut.end..self.span.end };
        Some((before, behind))
    }

    /// Without the last character, where that is this one and syntax.
    pub(super) fn strip_end(&self, wanted: char) -> Option<Text<'a>> {
        let (last, before) = self.characters.split_last()?;
        (!last.literal && last.value == wanted)
            .then_some(Self { characters: before, span: self.span.start..last.span.start })
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.characters.iter().try_for_each(|found| fmt::Write::write_char(f, found.value))
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn word(&mut self) -> Result<Word, ParseError> {
        let start = self.at;
        let negated = self.peek() == Some('-');
        if negated {
            self.next();
        }
        let first = self.at;
        let mut characters = Vec::new();
        while let Some(character) = self.peek().filter(|next| !next.is_whitespace()) {
            if character == '"' {
                self.quoted(&mut characters)?;
            } else {
                characters.push(self.character()?);
            }
        }
        if first == self.at {
            return Err(ParseError::new(start..self.at, "nothing follows the `-`")
                .with_hint("write it right before what must not be: -outcome:success"));
        }
        Ok(Word { negated, characters, span: first..self.at })
    }

    fn quoted(&mut self, characters: &mut Vec<Character>) -> Result<(), ParseError> {
        let start = self.at;
        self.next();
        loop {
            match self.peek() {
                Some('"') => {
                    self.next();
                    return Ok(());
                }
                Some(_) => {
                    let character = self.character()?;
                    characters.push(Character { literal: true, ..character });
                }
                None => {
                    return Err(ParseError::new(start..self.at, "the quote is not closed")
                        .with_hint("end it with a \", or write \\\" for the character"));
                }
            }
        }
    }

    /// A character, or what an escape stands for.
    fn character(&mut self) -> Result<Character, ParseError> {
        let start = self.at;
        let character = self.next().expect("somebody has looked");
        if character != '\\' {
            return Ok(Character { value: character, literal: false, span: start..self.at });
        }
        let wrong = |end| {
            Err(ParseError::new(start..end, "a `\\` escapes no letter and no digit")
                .with_hint("write \\\\ for the character, or \\u{1f} for one by its number"))
        };
        let character = match self.next() {
            Some('u') => match self.numbered() {
                Some(character) => character,
                None => return wrong(self.at),
            },
            Some(character) if !character.is_alphanumeric() => character,
            _ => return wrong(self.at),
        };
        Ok(Character { value: character, literal: true, span: start..self.at })
    }

    /// The `{1f}` of an escape.
    fn numbered(&mut self) -> Option<char> {
        let digits = self.text[self.at..].strip_prefix('{')?;
        let end = digits.bytes().take(7).position(|byte| byte == b'}')?;
        let number = u32::from_str_radix(&digits[..end], 16).ok()?;
        self.at += end + 2;
        char::from_u32(number)
    }
}
