"""What a user and a note are. A package per kind of entity, whose file names are the flow of a request:

request -> command -> event -> entity -> behavior -> response
"""
