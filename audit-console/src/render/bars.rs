//! Numbers as bars.

use super::style::{CYAN, DIM, PLAIN};

const WIDEST: usize = 40;
/// Where nobody says how wide the terminal is.
const USUAL_WIDTH: usize = 80;

/// A line for each name, with its number and a bar in proportion. Names are taken as they are: safe to show.
pub(crate) fn lines(counts: &[(String, u64)], width: Option<u16>) -> Vec<String> {
    let widest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let name = widest(&mut counts.iter().map(|(name, _)| name.chars().count()));
    let number = widest(&mut counts.iter().map(|(_, count)| count.to_string().len()));
    let room = width.map_or(USUAL_WIDTH, usize::from).saturating_sub(name + number + 6).clamp(1, WIDEST);
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let line = |(text, count): &(String, u64)| {
        let gap = " ".repeat(name - text.chars().count());
        format!("  {text}{gap}  {count:>number$}  {CYAN}{}{PLAIN}", bar(*count, most, room))
    };
    counts.iter().map(line).collect()
}

/// What was not told apart.
pub(crate) fn others(count: u64) -> String {
    format!("  {DIM}and {count} of others{PLAIN}")
}

/// A bar in eighths of a character: whatever there is can be seen.
fn bar(count: u64, most: u64, room: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = u128::from(count) * room as u128 * 8 / u128::from(most);
    let eighths = usize::try_from(eighths).unwrap_or(usize::MAX).max(usize::from(count > 0));
    format!("{}{}", "█".repeat(eighths / 8), PARTS[eighths % 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_in_proportion_and_never_wider_than_their_room() {
        assert_eq!(bar(8, 8, 4), "████");
        assert_eq!(bar(4, 8, 4), "██");
        assert_eq!(bar(1, 8, 4), "▌");
        assert_eq!(bar(1, u64::MAX, 4), "▏");
        assert_eq!(bar(0, 8, 4), "");
        let lines = lines(&[("a".to_owned(), 10), ("long name".to_owned(), 1_000)], Some(40));
        assert!(lines.iter().all(|line| line.replace(CYAN, "").replace(PLAIN, "").chars().count() <= 40), "{lines:?}");
    }
}
