"""Erasing what is stored about a person, or of a place: first it is closed, then a job deletes it in small batches.

``closing`` detaches the accounts in one transaction, so that nothing new is added and whoever writes next is somebody
new; ``accounts`` deletes an account with all that belongs to it; ``places`` takes a person's part out of the accounts
that stay; ``survey`` counts beforehand what goes and what stays.
"""

from db.erasure.accounts import erase_account, people_of
from db.erasure.closing import Closed, answered, close_person, close_place, overdue
from db.erasure.places import erase_in_places, erase_person
from db.erasure.survey import PersonSurvey, PlaceSurvey, survey_person, survey_place

__all__ = [
    "Closed",
    "PersonSurvey",
    "PlaceSurvey",
    "answered",
    "close_person",
    "close_place",
    "erase_account",
    "erase_in_places",
    "erase_person",
    "overdue",
    "people_of",
    "survey_person",
    "survey_place",
]
