"""status changes as they happen"""
