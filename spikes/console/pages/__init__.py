"""The pages of the console, a module each: `async def page(context: PageContext) -> Page`."""
