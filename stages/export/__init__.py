"""Formats of exported files, one stage file each; an entry of conf/export chooses its format."""
