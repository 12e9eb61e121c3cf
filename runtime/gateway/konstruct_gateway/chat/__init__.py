"""Web chat: tickets, sockets, who hears what. The conversation's log is the truth."""
