//! The result as a picture: for each scenario a line through the limits, time against batches.

use std::path::Path;

use plotters::prelude::*;

use crate::{LIMITS, Row};

const SIZE: (u32, u32) = (860, 520);

/// Draws time (relative to the fastest limit) against batches (relative to the fewest), on
/// logarithmic axes. The nearer to the corner the better.
pub(crate) fn draw(rows: &[Row], file: &Path) -> anyhow::Result<()> {
    let picture = SVGBackend::new(file, SIZE).into_drawing_area();
    picture.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&picture)
        .caption("Batches in flight: 1000 tasks, 20 requests each", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(52)
        .build_cartesian_2d((0.9..1200.0).log_scale(), (0.95..4.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("batches, times the fewest")
        .y_desc("time, times the shortest")
        .light_line_style(WHITE)
        .draw()?;
    for (number, row) in rows.iter().enumerate() {
        let color = Palette99::pick(number).to_rgba();
        let fewest = row.taken.iter().map(|taken| taken.batches).min().unwrap_or(1) as f64;
        let shortest =
            row.taken.iter().map(|taken| taken.time).min().unwrap_or_default().as_secs_f64();
        let points: Vec<(f64, f64)> = row
            .taken
            .iter()
            .map(|taken| (taken.batches as f64 / fewest, taken.time.as_secs_f64() / shortest))
            .collect();
        chart
            .draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?
            .label(row.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
        for (point, (limit, _)) in points.into_iter().zip(LIMITS) {
            let dot = EmptyElement::at(point)
                + Circle::new((0, 0), 3, color.filled())
                + Text::new(limit, (5, -12), ("sans-serif", 11).into_font().color(&color));
            chart.draw_series([dot])?;
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()?;
    picture.present()?;
    Ok(())
}
