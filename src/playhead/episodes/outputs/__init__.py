"""What players and programs read of an episode: EDL, chapters, subtitles."""
