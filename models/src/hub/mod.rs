//! Of `corio/src/hub`: when a drive is quiescent, and the places of a hub.

#[path = "../../../corio/src/hub/group.rs"]
mod group;
#[path = "../../../corio/src/hub/member.rs"]
mod member;
#[path = "../../../corio/src/hub/places.rs"]
mod places;

#[cfg(test)]
mod tests;
