//! Tables for people.
//!
//! Each row is one line, however long, so that rows can be copied and searched. Colours are always written;
//! the stream they are written to drops them where nobody can see them, or `NO_COLOR` is set.

use comfy_table::{Attribute, Cell, LineStyle, Table, TableStyle};

/// A rule below the header and nothing else.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// The terminal that standard output is, in columns; `None` where it is none.
pub(crate) fn terminal_width() -> Option<u16> {
    Table::new().width()
}

/// A table in the console's style.
pub(crate) fn styled(titles: impl IntoIterator<Item = &'static str>) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).force_no_tty().enforce_styling();
    table.set_header(titles.into_iter().map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    table
}
