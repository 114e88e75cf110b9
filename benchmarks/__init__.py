"""Speed, memory and loss of every registered method; README.md is the contract that the numbers keep."""
