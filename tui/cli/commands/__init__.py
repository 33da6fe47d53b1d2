"""The commands, a file or a package for each group. Each runs on values; only `syntax` knows how they are typed."""
