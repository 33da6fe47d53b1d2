"""Sample data (three users, their projects, a month of jobs) and simulated activity. All ids are fixed."""
