"""WhatsApp: the customer's own business number on the Cloud API."""
