"""Places around a point, as the documentation of GeoDjango and djangorestframework-gis would have it written."""
