"""Sample data: three users with projects, assets and a month of jobs. The same ids wherever and whenever."""
