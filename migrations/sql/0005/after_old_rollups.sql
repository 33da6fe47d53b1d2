set local client_min_messages to default;
