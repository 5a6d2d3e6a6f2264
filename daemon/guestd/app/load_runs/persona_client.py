"""A language model behind any endpoint that speaks the OpenAI chat format."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import aiohttp

from ...load.scenario.file import PersonaModel
from ...runtime.system_errors import in_words

#: Of an answer: a guest says one or two sentences.
ANSWER_BYTES_MAX = 1_000_000


#: The providers' own libraries take another address (a gateway, a proxy) from these variables.
BASE_VARIABLES = {
    "https://api.openai.com/v1": "OPENAI_BASE_URL",
    "https://generativelanguage.googleapis.com/v1beta/openai": "GOOGLE_GEMINI_BASE_URL",
}


class PersonaError(Exception):
    """There is no answer; says why, without the key."""


class PersonaClient:
    """The key is taken from the environment when it is first needed."""

    def __init__(self, model: PersonaModel, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._model = replace(model, url=_address(model, environment))
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def answer(self, messages: Sequence[tuple[str, str]]) -> str:
        """Raises PersonaError."""
        model = self._model
        body: dict[str, Any] = {
            "model": model.model,
            "messages": [{"role": role, "content": text} for role, text in messages],
            **model.parameters,
        }
        if model.temperature is not None:
            body["temperature"] = model.temperature
        try:
            async with asyncio.timeout(model.timeout_s):
                return await self._asked(body)
        except TimeoutError:
            raise PersonaError(f"{model.url} did not answer in {model.timeout_s:g} s") from None
        except aiohttp.ClientError as error:
            raise PersonaError(f"{model.url} cannot be reached: {in_words(error)}") from None

    async def _asked(self, body: Mapping[str, object]) -> str:
        model = self._model
        self._session = self._session or aiohttp.ClientSession()
        key = self._environment.get(model.key_variable, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        url = f"{model.url.rstrip('/')}/chat/completions"
        async with self._session.post(url, json=body, headers=headers) as response:
            raw = await _whole(response.content)
            if response.status != 200:
                said = raw[:200].decode(errors="replace")
                hint = f"; set {model.key_variable}" if response.status == 401 and not key else ""
                raise PersonaError(f"{model.url} answered {response.status}: {said}{hint}")
            return _text_of(raw)


async def _whole(content: aiohttp.StreamReader) -> bytes:
    raw = b""
    async for part in content.iter_any():
        raw += part
        if len(raw) > ANSWER_BYTES_MAX:
            raise PersonaError("the answer is too long")
    return raw


def _address(model: PersonaModel, environment: Mapping[str, str]) -> str:
    variable = BASE_VARIABLES.get(model.url, "")
    return environment.get(variable, "").strip() or model.url


def _text_of(raw: bytes) -> str:
    try:
        text = json.loads(raw)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        raise PersonaError("the answer is not of the OpenAI chat format") from None
    return str(text)
