//! What limits gave, as a table: a row for each world, a column for each limit.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// A table in Markdown, whose first column names the rows.
pub(crate) fn markdown<'r>(
    title: &'r str,
    limits: impl IntoIterator<Item = &'r str>,
    rows: impl IntoIterator<Item = (String, Vec<String>)>,
) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::ASCII_MARKDOWN)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header([title].into_iter().chain(limits));
    for (name, cells) in rows {
        table.add_row([name].into_iter().chain(cells));
    }
    table
        .column_iter_mut()
        .skip(1)
        .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

/// For each limit the geometric mean, over all worlds, of how many times the best of a world it is.
pub(crate) fn from_the_best(worlds: &[Vec<f64>]) -> Vec<f64> {
    let ratios = worlds.iter().map(|of_limits| {
        let best = of_limits.iter().copied().fold(f64::INFINITY, f64::min);
        of_limits.iter().map(move |measured| measured / best)
    });
    let mut logs = vec![0.0; worlds.first().map_or(0, Vec::len)];
    for of_world in ratios {
        logs.iter_mut().zip(of_world).for_each(|(sum, ratio)| *sum += f64::ln(ratio));
    }
    logs.into_iter().map(|sum| f64::exp(sum / worlds.len() as f64)).collect()
}
