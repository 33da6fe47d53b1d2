comment on function gjobs.error_group(text) is null;
