"""workers and the jobs they hold"""
