"""The base of all models of settings."""

from typing import Any, Self

from pydantic import BaseModel, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from dccd.redact import MASK


class Settings(BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True):
    """A frozen model whose errors suggest the close name for an unknown key and never show a value.

    Examples
    --------
    >>> from dccd.daemon.config import LogConfig
    >>> LogConfig(levle="DEBUG")
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: 1 validation error for LogConfig
    levle
      no such setting: did you mean level? [type=extra_forbidden]
    """

    @model_validator(mode="wrap")
    @classmethod
    def _without_values(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401
        try:
            return handler(value)
        except ValidationError as error:
            from dccd.daemon.config.problems import expected  # noqa: PLC0415 - it knows the models made of this one

            # hide_input_in_errors keeps values out of the text of an error only, not out of its errors() and json().
            details = [
                InitErrorDetails(
                    type=PydanticCustomError(each["type"], "{told}", {"told": expected(each, cls)}),
                    loc=each["loc"],
                    input=MASK,
                )
                for each in error.errors(include_url=False, include_input=False)
            ]
            raise ValidationError.from_exception_data(error.title, details, hide_input=True) from None
