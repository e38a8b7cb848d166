"""What a user, a note and a tag are. A package per kind of entity, whose file names are the flow of a request:

request -> command -> event -> entity -> behavior -> response
"""
