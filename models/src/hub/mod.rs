//! Of `corio/src/hub`: when a drive is quiescent, the inbox of a lane, the table of lanes, and the
//! places of a hub.

#[path = "../../../corio/src/hub/asker.rs"]
mod asker;
#[path = "../../../corio/src/hub/group.rs"]
mod group;
#[path = "../../../corio/src/hub/lane.rs"]
mod lane;
#[path = "../../../corio/src/hub/lanes.rs"]
mod lanes;
#[path = "../../../corio/src/hub/member.rs"]
mod member;
#[path = "../../../corio/src/hub/places.rs"]
mod places;

#[cfg(test)]
mod inbox_tests;
#[cfg(test)]
mod tests;
