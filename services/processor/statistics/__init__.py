"""Statistics of media, folded as media change, and counted anew to see that they agree."""
