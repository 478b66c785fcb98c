"""What all models of settings share."""

from typing import Any, Self

from pydantic import BaseModel, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from dccd.redact import MASK


class Settings(BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True):
    """What all models share: frozen, no unknown keys, no values in errors."""

    @model_validator(mode="wrap")
    @classmethod
    def _without_values(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401
        # hide_input_in_errors keeps values out of the text of an error only, not out of its errors() and json().
        try:
            return handler(value)
        except ValidationError as error:
            details = [
                InitErrorDetails(
                    type=PydanticCustomError(each["type"], "{told}", {"told": each["msg"]}), loc=each["loc"], input=MASK
                )
                for each in error.errors(include_url=False, include_input=False)
            ]
            raise ValidationError.from_exception_data(error.title, details, hide_input=True) from None
