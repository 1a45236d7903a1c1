// The microphone: permission, choice of device, and its sound as blocks of 16-bit samples.

/** @typedef {{samples: Int16Array, levelDbfs: number}} Block */

// As little as can be is done to the sound before it is heard; only its loudness is evened out.
const SOUND = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true };

export class Microphone {
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {MediaStreamAudioSourceNode | null} */
  #source = null;
  #context;
  #recorder;

  /**
   * @param {AudioContext} context
   * @param {AudioWorkletNode} recorder
   */
  constructor(context, recorder) {
    this.#context = context;
    this.#recorder = recorder;
  }

  /**
   * A recorder without a microphone yet.  Call it from a click: browsers start no sound otherwise.
   * @param {(block: Block) => void} receive is given each block, about 50 ms
   */
  static async create(receive) {
    const context = new AudioContext({ latencyHint: "interactive" });
    await context.audioWorklet.addModule(new URL("microphone-worklet.js", import.meta.url));
    const recorder = new AudioWorkletNode(context, "block-recorder", { channelCount: 1, channelCountMode: "explicit" });
    recorder.connect(context.destination); // it stays silent, but a browser may run only what ends in the speakers
    recorder.port.onmessage = ({ data }) => receive(data);
    return new Microphone(context, recorder);
  }

  /** Samples a second; the same as long as this lives, whatever device is chosen. */
  get rate() {
    return this.#context.sampleRate;
  }

  /** The id of the device that is recorded, or "". */
  get deviceId() {
    return this.#stream?.getAudioTracks()[0]?.getSettings().deviceId ?? "";
  }

  /**
   * Record from a device, in place of the one before.
   * @param {string} deviceId "" leaves the choice to the browser
   * @param {() => void} lost is called when the device goes away
   * @throws {DOMException} the browser's reason: NotAllowedError, NotFoundError, NotReadableError, …
   */
  async listen(deviceId, lost) {
    const audio = deviceId ? { ...SOUND, deviceId: { exact: deviceId } } : SOUND;
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    this.#release();
    this.#stream = stream;
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#source.connect(this.#recorder);
    stream.getAudioTracks()[0].onended = lost;
    this.resume();
  }

  /** Record nothing until `resume`; the device stays ours. */
  pause() {
    this.#mute(true);
    this.#context.suspend();
  }

  /** Not waited for: a browser without a sound device lets it hang for ever. */
  resume() {
    this.#mute(false);
    this.#context.resume();
  }

  /** Give the device back; `listen` takes one again. */
  stop() {
    this.#release();
    this.#context.suspend();
  }

  /** @param {boolean} isMuted */
  #mute(isMuted) {
    for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !isMuted;
  }

  #release() {
    this.#source?.disconnect();
    for (const track of this.#stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.#stream = this.#source = null;
  }
}

const PSEUDO = ["default", "communications"]; // Chromium names two devices again by what they are for

/**
 * The microphones of this machine; they have names once one was allowed.
 * @returns {Promise<{id: string, name: string}[]>}
 */
export async function microphones() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices
    .filter((device) => device.kind === "audioinput" && device.label && !PSEUDO.includes(device.deviceId))
    .map((device) => ({ id: device.deviceId, name: device.label }));
}
