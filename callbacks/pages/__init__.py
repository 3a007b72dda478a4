"""The supervisors' pages, one module a page. What they show comes through `Callback.objects.visible_to`."""
