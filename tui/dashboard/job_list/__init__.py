"""the job table, its filter and its title"""
