"""OSM tags give a place its category and its alternates, as a load of OpenStreetMap data does."""

from collections.abc import Mapping

from app.imports.reading import categories
from app.imports.reading.categories import KEY_ORDER, Classified, split_values
from seeds.make.taxonomy import Category

__all__ = ["KEY_ORDER", "Classified", "Classifier", "split_values"]


class Classifier(categories.Classifier):
    """Reads tags by the category tree of the seeds."""

    def __init__(self, tree: list[Category]) -> None:
        super().__init__(
            {("osm", alias): category.category_id for category in tree for alias in category.osm},
            {category.category_id: category.parent_id for category in tree},
        )

    def classify(self, tags: Mapping[str, str]) -> Classified | None:
        """None when the tags name no place of business."""
        return self.by_tags(tags)
