"""butler-api of the lab: takes review archives over HTTP and keeps them, by the old path or the new one."""
