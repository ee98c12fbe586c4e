//! Templates of one's own, and mistakes in them.

use crate::browser::{World, router};
use std::fs;

#[test]
fn a_folder_replaces_what_it_has_and_mistakes_are_told_at_the_start() {
    let (world, _) = World::new();
    let folder = std::env::temp_dir().join(format!("tollgate-console-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let put = |name: &str, text: &str| {
        fs::write(folder.join(name), text).unwrap();
        let made = router(world.desk.clone(), Some(&folder)).map(drop).map_err(|error| error.to_string());
        fs::remove_file(folder.join(name)).unwrap();
        made
    };
    assert_eq!(put("error.html", "{% extends \"layout.html\" %}"), Ok(()));
    assert_eq!(put("notes.txt", "no template"), Ok(()));
    let unknown = put("cataloge.html", "x").unwrap_err();
    assert!(unknown.contains("cataloge.html") && unknown.contains("catalog.html,"), "{unknown}");
    let wrong = put("catalog.html", "a\n{% if %}").unwrap_err();
    assert!(wrong.contains("catalog.html: line 2: "), "{wrong}");
    fs::remove_dir(&folder).unwrap();
    assert!(router(world.desk.clone(), Some(&folder)).is_err());
}
