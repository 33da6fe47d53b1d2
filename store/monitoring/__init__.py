"""How well the work goes: how long jobs wait and run, how many fail, and what is left to do."""
