//! The result as a picture: a line for each series; the flatter the better.

use std::path::Path;

use plotters::prelude::*;

use super::Point;

const SIZE: (u32, u32) = (860, 480);

/// Draws nanoseconds an operation against how many there are, on logarithmic axes.
pub fn draw(series: &[(&str, Vec<Point>)], file: &Path) -> anyhow::Result<()> {
    let picture = SVGBackend::new(file, SIZE).into_drawing_area();
    picture.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&picture)
        .caption("How the cost of an operation grows", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(52)
        .build_cartesian_2d((0.8..2e6).log_scale(), (1.0..1000.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("how many")
        .y_desc("ns an operation")
        .light_line_style(WHITE)
        .draw()?;
    for (number, (name, points)) in series.iter().enumerate() {
        let color = Palette99::pick(number).to_rgba();
        let points: Vec<(f64, f64)> = points.iter().map(|(many, ns)| (*many as f64, *ns)).collect();
        chart
            .draw_series(LineSeries::new(points.iter().copied(), color.stroke_width(2)))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
        for point in points {
            let dot = EmptyElement::at(point)
                + Circle::new((0, 0), 3, color.filled())
                + Text::new(
                    format!("{:.0}", point.1),
                    (-6, -14),
                    ("sans-serif", 11).into_font().color(&color),
                );
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
