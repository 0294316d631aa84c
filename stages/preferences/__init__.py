"""Makers of preference data, one stage file each; an entry of conf/preferences chooses its maker and writes one set of dialogues."""
