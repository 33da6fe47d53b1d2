-- The sums are as they are now.
set local client_min_messages to default;
