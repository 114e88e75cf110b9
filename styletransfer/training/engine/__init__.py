"""What every training shares: the loop, checkpoints, the log, precision, processes, signals, memory."""
