"""Methods of alignment, one stage file each; an entry of conf/align chooses its method and trains one model."""
