//! Who turns a run, and by which clock.

mod blocking;
mod configuration;
mod cycle;
mod nested;
mod outside_events;
mod schedule;
mod simultaneous_ends;
mod time_limits;
mod very_long_times;
