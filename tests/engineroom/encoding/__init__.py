"""Tests of the room `encoding`; a package, so that two rooms may have files of one name."""
