-- Every role can read this comment. With it, the rollups may have groups of another function. Without a comment, they have the groups
-- of revision 0011.
comment on function gjobs.error_group(text) is 'the rollups are being counted';
