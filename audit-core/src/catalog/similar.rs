//! How alike two names are, cheaply enough for const evaluation.
//!
//! Words are compared pairwise by what is left between their common prefix and suffix. An edit distance
//! would judge finer, but over 500 names it took the compiler seconds for each misspelt one.

/// A number of letters that differ; small for names that are easily mistaken for one another.
pub(crate) const fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let (mut from_a, mut from_b, mut sum) = (0, 0, 0);
    while from_a <= a.len() || from_b <= b.len() {
        let (to_a, to_b) = (end_of_word(a, from_a), end_of_word(b, from_b));
        sum += word_distance(a, from_a, to_a, b, from_b, to_b);
        from_a = to_a + 1;
        from_b = to_b + 1;
    }
    sum
}

/// The greatest distance at which a name is still worth suggesting.
pub(crate) const fn tolerance(name: &str) -> usize {
    if name.len() < 9 { 3 } else { name.len() / 3 }
}

const fn end_of_word(text: &[u8], from: usize) -> usize {
    let mut end = from;
    while end < text.len() && text[end] != b'.' {
        end += 1;
    }
    if end > text.len() { text.len() } else { end }
}

const fn word_distance(a: &[u8], from_a: usize, to_a: usize, b: &[u8], from_b: usize, to_b: usize) -> usize {
    let (len_a, len_b) = (to_a.saturating_sub(from_a), to_b.saturating_sub(from_b));
    let (shorter, longer) = if len_a < len_b { (len_a, len_b) } else { (len_b, len_a) };
    let mut prefix = 0;
    while prefix < shorter && a[from_a + prefix] == b[from_b + prefix] {
        prefix += 1;
    }
    let mut suffix = 0;
    while suffix < shorter - prefix && a[to_a - 1 - suffix] == b[to_b - 1 - suffix] {
        suffix += 1;
    }
    longer - prefix - suffix
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn typing_errors_in_different_words_add_up() {
        assert_eq!(distance("project.created", "project.created"), 0);
        assert_eq!(distance("project.creatd", "project.created"), 1);
        assert_eq!(distance("projct.creatd", "project.created"), 2);
        assert_eq!(distance("projcet.created", "project.created"), 2);
        assert_eq!(distance("project", "project.created"), 7);
        assert_eq!(distance("a.b.c", "a.b"), 1);
    }
}
