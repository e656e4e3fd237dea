"""One face for every family of diffusion model: noise a picture, ask what the model makes of it.

A family says how its noise is mixed in, what its denoiser is asked for, and what a prompt becomes.
Covered: UNet pipelines (SD 1.5, 2.1, SDXL; Ho et al. 2020, arXiv 2006.11239), joint attention (SD3
and the starter model) and Flux, both on the straight path (Lipman et al. 2022, arXiv 2210.02747).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Conditions = Mapping[str, Tensor]


class Unsupported(ValueError):
    """This kind of pipeline is not known here; the message names those that are."""


@dataclass
class Denoiser:
    """What a pipeline's denoiser is, and how to ask it. Tensors of B rows throughout."""

    pipe: Any
    # Whether picture and noise are mixed on a straight line, x = (1 - s) x0 + s n.
    straight = True

    @property
    def twice(self) -> bool:
        """Whether guidance puts every row into one pass twice, first without its prompt."""
        return True

    @property
    def module(self) -> Any:
        return self.pipe.transformer

    def conditions(self, prompts: Sequence[str]) -> dict[str, Tensor]:
        """What the model is told for each prompt, without guidance."""
        raise NotImplementedError

    def empty(self, count: int) -> dict[str, Tensor]:
        """The conditions of an empty prompt."""
        return self.conditions([""] * count)

    def call(self, prompts: Sequence[Any], negative: str) -> dict[str, Any]:
        """What the pipeline is called with, a row per prompt."""
        return {"prompt": list(prompts), "negative_prompt": [negative] * len(prompts)}

    def latents(self, pixels: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in -1..1 to the latents that are denoised."""
        vae = self.pipe.vae
        found = vae.encode(pixels.to(vae.dtype))
        # A distribution in most models; its mode, so that a picture has one latent.
        z = found.latent_dist.mode() if hasattr(found, "latent_dist") else found.latents
        made: Tensor = (z - (vae.config.get("shift_factor") or 0.0)) * vae.config.scaling_factor
        return made

    def pixels(self, latents: Tensor) -> Tensor:
        """Back to (B, 3, H, W) in -1..1."""
        vae = self.pipe.vae
        z = latents / vae.config.scaling_factor + (vae.config.get("shift_factor") or 0.0)
        return vae.decode(z.to(vae.dtype)).sample.float().clamp(-1, 1)  # type: ignore[no-any-return]

    def loose(self, latents: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, c, h, w) of latents as the pipeline holds them; `size` (height, width) in pixels."""
        return latents

    def tight(self, latents: Tensor) -> Tensor:
        """The inverse of `loose`."""
        return latents

    def noised(self, clean: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(mixed, timesteps, target) at t (B,) in 0..1, where 1 is pure noise."""
        wide = t[:, None, None, None]
        return (1 - wide) * clean + wide * noise, t * 1000, noise - clean

    def predict(self, mixed: Tensor, timesteps: Tensor, told: Conditions) -> Tensor:
        """The model's guess of the target; everything in the model's own numbers."""
        raise NotImplementedError

    def guess(self, mixed: Tensor, timesteps: Tensor, told: Conditions) -> Tensor:
        """`predict` for a model in 16 bits as for one in 32: mixed and answer have 32."""
        return self.predict(self._own(mixed), timesteps, told).float()

    def _own(self, mixed: Tensor) -> Tensor:
        return mixed.to(next(self.module.parameters()).dtype)

    def cleaned(self, mixed: Tensor, guess: Tensor, t: Tensor) -> Tensor:
        """The clean latents that a guess leads to."""
        return mixed - t[:, None, None, None] * guess

    def inner(self, mixed: Tensor, timesteps: Tensor, told: Conditions) -> Tensor:
        """(B, ...) features after the middle of the denoiser; the rest of the pass is not used."""
        seen: list[Any] = []
        hook = self.middle().register_forward_hook(lambda _m, _i, out: seen.append(out))
        try:
            self.predict(self._own(mixed), timesteps, told)
        finally:
            hook.remove()
        # A joint block gives its text and its picture tokens.
        found: Tensor = seen[0][-1] if isinstance(seen[0], tuple) else seen[0]
        return found

    def middle(self) -> Any:
        """The block whose output `inner` gives."""
        blocks = self.module.transformer_blocks
        return blocks[(len(blocks) - 1) // 2]

    def errors(self, clean: Tensor, noise: Tensor, t: Tensor, told: Conditions) -> Tensor:
        """(B,) mean squared errors."""
        mixed, timesteps, target = self.noised(clean, noise, t)
        guess = self.guess(mixed, timesteps, told)
        return (guess - target).square().flatten(1).mean(1)


@dataclass
class UNet(Denoiser):
    """SD 1.5, 2.1 and SDXL: noise in steps, eps or v."""

    straight = False

    @property
    def module(self) -> Any:
        return self.pipe.unet

    def conditions(self, prompts: Sequence[str]) -> dict[str, Tensor]:
        pipe = self.pipe
        if not hasattr(pipe, "text_encoder_2"):
            told, _ = pipe.encode_prompt(list(prompts), pipe.device, 1, False)
            return {"encoder_hidden_states": told}
        told, _, pooled, _ = pipe.encode_prompt(
            list(prompts), device=pipe.device, do_classifier_free_guidance=False
        )
        side = pipe.unet.config.sample_size * pipe.vae_scale_factor
        sizes = torch.tensor([[side, side, 0, 0, side, side]], dtype=told.dtype)
        return {"encoder_hidden_states": told, "text_embeds": pooled,
                "time_ids": sizes.repeat(len(prompts), 1).to(told.device)}  # fmt: skip

    def middle(self) -> Any:
        return self.module.mid_block

    def cleaned(self, mixed: Tensor, guess: Tensor, t: Tensor) -> Tensor:
        kept = self._kept(t)
        if self.pipe.scheduler.config.prediction_type == "v_prediction":
            return kept.sqrt() * mixed - (1 - kept).sqrt() * guess
        return (mixed - (1 - kept).sqrt() * guess) / kept.sqrt()

    def _steps(self, t: Tensor) -> Tensor:
        total = int(self.pipe.scheduler.config.num_train_timesteps)
        return (t * total).long().clamp(max=total - 1)

    def _kept(self, t: Tensor) -> Tensor:
        """(B, 1, 1, 1) share of the picture that is left at t."""
        found: Tensor = self.pipe.scheduler.alphas_cumprod.to(t.device)[self._steps(t)]
        return found[:, None, None, None]

    def noised(self, clean: Tensor, noise: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        config = self.pipe.scheduler.config
        steps, kept = self._steps(t), self._kept(t)
        mixed = kept.sqrt() * clean + (1 - kept).sqrt() * noise
        if config.prediction_type == "v_prediction":
            return mixed, steps, kept.sqrt() * noise - (1 - kept).sqrt() * clean
        return mixed, steps, noise

    def predict(self, mixed: Tensor, timesteps: Tensor, told: Conditions) -> Tensor:
        more = {k: told[k] for k in ("text_embeds", "time_ids") if k in told}
        found: Tensor = self.module(
            mixed, timesteps, encoder_hidden_states=told["encoder_hidden_states"],
            added_cond_kwargs=more or None,
        ).sample  # fmt: skip
        return found


@dataclass
class Joint(Denoiser):
    """SD3: text and picture tokens attend to one another."""

    def conditions(self, prompts: Sequence[str]) -> dict[str, Tensor]:
        told, _, pooled, _ = self.pipe.encode_prompt(
            prompt=list(prompts), prompt_2=None, prompt_3=None, device=self.pipe.device,
            do_classifier_free_guidance=False,
        )  # fmt: skip
        return {"encoder_hidden_states": told, "pooled_projections": pooled}

    def predict(self, mixed: Tensor, timesteps: Tensor, told: Conditions) -> Tensor:
        found: Tensor = self.module(hidden_states=mixed, timestep=timesteps, **told).sample
        return found


@dataclass
class Flux(Denoiser):
    """Flux: as SD3, on packed latents, with guidance told as a number.

    `longest`: tokens of a prompt; all of them are attended to, the padding too.
    """

    longest: int = 512

    @property
    def twice(self) -> bool:
        return False

    def call(self, prompts: Sequence[Any], negative: str) -> dict[str, Any]:
        # Its guidance is built in. diffusers passes over a negative prompt unless it is given a
        # second guidance, and then asks in a pass of its own, in which a person would be told too.
        if negative:
            raise Unsupported("Flux cannot be told what to avoid; leave it empty, and say in the "
                              "prompt what is wanted instead")  # fmt: skip
        return {"prompt": list(prompts), "max_sequence_length": self.longest}

    def conditions(self, prompts: Sequence[str]) -> dict[str, Tensor]:
        told, pooled, _ = self.pipe.encode_prompt(
            prompt=list(prompts), prompt_2=None, device=self.pipe.device,
            max_sequence_length=self.longest,
        )  # fmt: skip
        return {"encoder_hidden_states": told, "pooled_projections": pooled}

    def loose(self, latents: Tensor, size: tuple[int, int]) -> Tensor:
        found: Tensor = self.pipe._unpack_latents(latents, *size, self.pipe.vae_scale_factor)
        return found

    def tight(self, latents: Tensor) -> Tensor:
        found: Tensor = self.pipe._pack_latents(latents, *latents.shape)
        return found

    def predict(self, mixed: Tensor, timesteps: Tensor, told: Conditions) -> Tensor:
        b, c, h, w = mixed.shape
        packed = self.tight(mixed)
        text = told["encoder_hidden_states"]
        guided = self.module.config.guidance_embeds
        found = self.module(
            hidden_states=packed, timestep=timesteps / 1000,
            guidance=torch.full((b,), 3.5, device=mixed.device) if guided else None,
            txt_ids=torch.zeros(text.shape[1], 3, device=mixed.device),
            img_ids=self.pipe._prepare_latent_image_ids(b, h // 2, w // 2, mixed.device,
                                                        mixed.dtype), **told,
        ).sample  # fmt: skip
        loose = found.view(b, h // 2, w // 2, c, 2, 2).permute(0, 3, 1, 4, 2, 5)
        return loose.reshape(b, c, h, w)  # type: ignore[no-any-return]


FAMILIES: Mapping[str, Callable[[Any], Denoiser]] = {
    "StableDiffusionPipeline": UNet, "StableDiffusionXLPipeline": UNet,
    "StableDiffusion3Pipeline": Joint, "FluxPipeline": Flux,
}  # fmt: skip


def family(pipe: Any) -> Denoiser:
    """The face of this pipeline."""
    name = type(pipe).__name__
    if name not in FAMILIES:
        raise Unsupported(f"{name} is not supported yet; use one of {', '.join(sorted(FAMILIES))}")
    return FAMILIES[name](pipe)
