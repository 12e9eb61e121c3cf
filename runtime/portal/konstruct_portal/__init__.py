"""Pages for the humans who run Konstruct and their customers' administrators."""
