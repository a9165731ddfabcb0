//! Tables for people.
//!
//! On a terminal a table fits its width. Elsewhere each row is one line, however long. Colours are always
//! written; the stream they are written to drops them where nobody can see them, or `NO_COLOR` is set.

use comfy_table::{Attribute, Cell, ContentArrangement, LineStyle, Table, TableStyle};

/// A rule below the header and nothing else, so that rows can be copied.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// The terminal that standard output is, in columns; `None` where it is none.
pub(crate) fn terminal_width() -> Option<u16> {
    Table::new().width()
}

/// An empty table in the console's style.
pub(crate) fn styled(width: Option<u16>) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).enforce_styling();
    match width {
        Some(width) => table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic),
        None => table.force_no_tty().enforce_styling(),
    };
    table
}

/// A header cell.
pub(crate) fn heading(text: &str) -> Cell {
    Cell::new(text).add_attribute(Attribute::Bold)
}
