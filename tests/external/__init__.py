"""Quality assurance from outside: the whole API contract, asked of any deployment by its base URL alone.

    make qa URL=https://notes.example.com

Nothing here knows the inside of the service. It makes accounts with random addresses, and leaves them behind.
"""
