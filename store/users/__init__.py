"""users, and acting as one"""
