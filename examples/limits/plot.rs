//! A result as a picture: for each world a line through the limits, time against batches.

use std::path::Path;

use plotters::prelude::*;

const SIZE: (u32, u32) = (860, 520);

/// What came out in one world under each limit.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<Point>,
}

/// What came out under one limit.
pub(crate) struct Point {
    pub(crate) limit: &'static str,
    /// Whether the line goes through it.
    pub(crate) joins: bool,
    pub(crate) batches: f64,
    pub(crate) time: f64,
}

/// Draws time (relative to the shortest) against batches (relative to the fewest), on logarithmic
/// axes. The nearer to the corner the better.
pub(crate) fn draw(caption: &str, lines: &[Line], file: &Path) -> anyhow::Result<()> {
    let relative: Vec<Vec<(f64, f64)>> = lines.iter().map(relative).collect();
    let farthest =
        |of: fn(&(f64, f64)) -> f64| relative.iter().flatten().map(of).fold(1.0, f64::max);
    // Room for the legend.
    let (batches, time) = (1.5 * farthest(|point| point.0), 1.2 * farthest(|point| point.1));
    let picture = SVGBackend::new(file, SIZE).into_drawing_area();
    picture.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&picture)
        .caption(caption, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(52)
        .build_cartesian_2d((0.9..batches).log_scale(), (0.95..time).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("batches, times the fewest")
        .y_desc("time, times the shortest")
        .light_line_style(WHITE)
        .draw()?;
    for (number, (line, points)) in lines.iter().zip(relative).enumerate() {
        let color = Palette99::pick(number).to_rgba();
        chart
            .draw_series(LineSeries::new(
                points.iter().zip(&line.points).filter(|(_, to)| to.joins).map(|(at, _)| *at),
                color.stroke_width(2),
            ))?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
        for (point, Point { limit, .. }) in points.into_iter().zip(&line.points) {
            let dot = EmptyElement::at(point)
                + Circle::new((0, 0), 3, color.filled())
                + Text::new(*limit, (5, -12), ("sans-serif", 11).into_font().color(&color));
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

/// Batches and time of each limit, relative to the best.
fn relative(line: &Line) -> Vec<(f64, f64)> {
    let best = |of: fn(&Point) -> f64| line.points.iter().map(of).fold(f64::INFINITY, f64::min);
    let (fewest, shortest) = (best(|point| point.batches), best(|point| point.time));
    let points = line.points.iter();
    points.map(|point| (point.batches / fewest, point.time / shortest)).collect()
}
