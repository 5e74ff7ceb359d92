/* A PKCS#11 module with one token, "pq", whose keys are ML-DSA keys (PKCS#11 v3.2 section 6.67). It keeps them in the folder
   that the environment variable MLDSA_TOKEN names, one file per key, and knows what a signing room asks: no more. Its user PIN
   is 1234-user. */
#include "pkcs11go.h"

#include "mldsa.h" /* the functions of main.go, written by the Go compiler */

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CKK_ML_DSA 0x4a
#define CKM_ML_DSA_KEY_PAIR_GEN 0x1c
#define CKM_ML_DSA 0x1d
#define CKA_PARAMETER_SET 0x61d
#define PIN "1234-user"
#define SESSIONS 64
#define KEYS 64
#define LARGEST 4700 /* more than any public key or signature has */

/* A key pair, as it is in its file. Handles: 2i+1 is the private key of keys[i], 2i+2 the public key. */
struct pair {
	CK_ULONG set;
	unsigned char seed[32];
	CK_ULONG labelLength, idLength;
	unsigned char label[256], id[64];
};

static struct pair keys[KEYS];
static CK_ULONG keyCount;
static struct {
	int open;
	CK_OBJECT_HANDLE found[2 * KEYS], key; /* key: what C_SignInit chose, or 0 */
	CK_ULONG count, next;
} sessions[SESSIONS];
static int loggedIn, started;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static CK_RV unlocked(CK_RV rv) {
	pthread_mutex_unlock(&lock);
	return rv;
}

static void pad(CK_UTF8CHAR *field, size_t size, const char *text) {
	memset(field, ' ', size);
	memcpy(field, text, strlen(text));
}

/* load reads the keys that other processes made. */
static CK_RV load(void) {
	const char *folder = getenv("MLDSA_TOKEN");
	DIR *dir = folder ? opendir(folder) : NULL;
	struct dirent *entry;
	char path[4096];
	keyCount = 0;
	if (dir == NULL)
		return CKR_DEVICE_ERROR;
	while ((entry = readdir(dir)) != NULL && keyCount < KEYS) {
		FILE *file;
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		file = fopen(path, "rb");
		if (file != NULL && fread(&keys[keyCount], sizeof keys[0], 1, file) == 1)
			keyCount++;
		if (file != NULL)
			fclose(file);
	}
	closedir(dir);
	return CKR_OK;
}

static CK_RV initialize(CK_VOID_PTR args) {
	CK_RV rv;
	pthread_mutex_lock(&lock);
	memset(sessions, 0, sizeof sessions);
	loggedIn = 0;
	rv = started ? CKR_CRYPTOKI_ALREADY_INITIALIZED : load();
	started = started || rv == CKR_OK;
	return unlocked(rv);
}

static CK_RV finalize(CK_VOID_PTR reserved) {
	started = 0;
	return CKR_OK;
}

static CK_RV getInfo(CK_INFO *info) {
	memset(info, 0, sizeof *info);
	info->cryptokiVersion.major = 3;
	info->cryptokiVersion.minor = 2;
	pad(info->manufacturerID, sizeof info->manufacturerID, "Example");
	pad(info->libraryDescription, sizeof info->libraryDescription, "ML-DSA for tests");
	return CKR_OK;
}

static CK_RV getSlotList(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count) {
	if (list != NULL)
		list[0] = 7;
	*count = 1;
	return CKR_OK;
}

static CK_RV getTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info) {
	memset(info, 0, sizeof *info);
	pad(info->label, sizeof info->label, "pq");
	pad(info->manufacturerID, sizeof info->manufacturerID, "Example");
	pad(info->model, sizeof info->model, "ML-DSA");
	pad(info->serialNumber, sizeof info->serialNumber, "0001");
	info->flags = CKF_TOKEN_INITIALIZED | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED;
	return CKR_OK;
}

static CK_RV openSession(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify, CK_SESSION_HANDLE *session) {
	CK_ULONG i;
	pthread_mutex_lock(&lock);
	for (i = 0; i < SESSIONS; i++)
		if (!sessions[i].open) {
			memset(&sessions[i], 0, sizeof sessions[i]);
			sessions[i].open = 1;
			*session = i + 1;
			return unlocked(CKR_OK);
		}
	return unlocked(CKR_SESSION_COUNT);
}

static int known(CK_SESSION_HANDLE session) { return session > 0 && session <= SESSIONS && sessions[session - 1].open; }

static CK_RV closeSession(CK_SESSION_HANDLE session) {
	CK_ULONG i;
	int left = 0;
	pthread_mutex_lock(&lock);
	if (!known(session))
		return unlocked(CKR_SESSION_HANDLE_INVALID);
	sessions[session - 1].open = 0;
	for (i = 0; i < SESSIONS; i++)
		left |= sessions[i].open;
	loggedIn &= left;
	return unlocked(CKR_OK);
}

static CK_RV getSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO *info) {
	memset(info, 0, sizeof *info);
	info->slotID = 7;
	info->state = loggedIn ? CKS_RO_USER_FUNCTIONS : CKS_RO_PUBLIC_SESSION;
	return known(session) ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG size) {
	if (user != CKU_USER || size != strlen(PIN) || memcmp(pin, PIN, size) != 0)
		return CKR_PIN_INCORRECT;
	if (loggedIn)
		return CKR_USER_ALREADY_LOGGED_IN;
	loggedIn = 1;
	return CKR_OK;
}

static CK_RV logout(CK_SESSION_HANDLE session) {
	loggedIn = 0;
	return CKR_OK;
}

static CK_ATTRIBUTE *in(CK_ATTRIBUTE *template, CK_ULONG count, CK_ATTRIBUTE_TYPE type) {
	CK_ULONG i;
	for (i = 0; i < count; i++)
		if (template[i].type == type)
			return &template[i];
	return NULL;
}

/* value writes an attribute of an object, and returns its length: ~0 when the object has no such attribute. */
static CK_ULONG value(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, unsigned char *out) {
	struct pair *key = &keys[(object - 1) / 2];
	int private = object % 2;
	CK_ULONG number;
	CK_BBOOL yes;
	switch (type) {
	case CKA_LABEL:
		memcpy(out, key->label, key->labelLength);
		return key->labelLength;
	case CKA_ID:
		memcpy(out, key->id, key->idLength);
		return key->idLength;
	case CKA_VALUE:
		return private ? ~(CK_ULONG)0 : publicOf(key->set, key->seed, out);
	case CKA_CLASS:
		number = private ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY;
		break;
	case CKA_KEY_TYPE:
		number = CKK_ML_DSA;
		break;
	case CKA_PARAMETER_SET:
		number = key->set;
		break;
	case CKA_EXTRACTABLE: case CKA_DECRYPT: case CKA_UNWRAP: case CKA_DERIVE: case CKA_ALWAYS_AUTHENTICATE: case CKA_SIGN_RECOVER:
		yes = CK_FALSE;
		memcpy(out, &yes, 1);
		return 1;
	case CKA_PRIVATE: case CKA_SENSITIVE: case CKA_ALWAYS_SENSITIVE: case CKA_NEVER_EXTRACTABLE: case CKA_LOCAL: case CKA_TOKEN: case CKA_SIGN:
		yes = private ? CK_TRUE : type == CKA_TOKEN;
		memcpy(out, &yes, 1);
		return 1;
	default:
		return ~(CK_ULONG)0;
	}
	memcpy(out, &number, sizeof number);
	return sizeof number;
}

static CK_RV findObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count) {
	unsigned char found[LARGEST];
	CK_OBJECT_HANDLE object;
	CK_ULONG i;
	pthread_mutex_lock(&lock);
	if (!known(session))
		return unlocked(CKR_SESSION_HANDLE_INVALID);
	sessions[session - 1].count = sessions[session - 1].next = 0;
	for (object = 1; object <= 2 * keyCount; object++) {
		int same = loggedIn || object % 2 == 0;
		for (i = 0; i < count && same; i++)
			same = value(object, template[i].type, found) == template[i].ulValueLen && memcmp(found, template[i].pValue, template[i].ulValueLen) == 0;
		if (same)
			sessions[session - 1].found[sessions[session - 1].count++] = object;
	}
	return unlocked(CKR_OK);
}

static CK_RV findObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG room, CK_ULONG *count) {
	pthread_mutex_lock(&lock);
	for (*count = 0; *count < room && sessions[session - 1].next < sessions[session - 1].count; (*count)++)
		objects[*count] = sessions[session - 1].found[sessions[session - 1].next++];
	return unlocked(CKR_OK);
}

static CK_RV findObjectsFinal(CK_SESSION_HANDLE session) { return CKR_OK; }

static CK_RV getAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG count) {
	unsigned char found[LARGEST];
	CK_RV rv = CKR_OK;
	CK_ULONG i;
	pthread_mutex_lock(&lock);
	if (object == 0 || object > 2 * keyCount)
		return unlocked(CKR_OBJECT_HANDLE_INVALID);
	for (i = 0; i < count; i++) {
		CK_ULONG size = value(object, template[i].type, found);
		if (size == ~(CK_ULONG)0)
			rv = object % 2 && template[i].type == CKA_VALUE ? CKR_ATTRIBUTE_SENSITIVE : CKR_ATTRIBUTE_TYPE_INVALID;
		else if (template[i].pValue != NULL && template[i].ulValueLen < size)
			rv = CKR_BUFFER_TOO_SMALL;
		else if (template[i].pValue != NULL)
			memcpy(template[i].pValue, found, size);
		template[i].ulValueLen = size;
	}
	return unlocked(rv);
}

static CK_RV generateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *public, CK_ULONG publicCount,
	CK_ATTRIBUTE *private, CK_ULONG privateCount, CK_OBJECT_HANDLE *publicHandle, CK_OBJECT_HANDLE *privateHandle) {
	CK_ATTRIBUTE *set = in(public, publicCount, CKA_PARAMETER_SET), *label = in(private, privateCount, CKA_LABEL), *id = in(private, privateCount, CKA_ID);
	struct pair *key = &keys[keyCount];
	char path[4096];
	FILE *file;
	CK_ULONG i;
	if (mechanism->mechanism != CKM_ML_DSA_KEY_PAIR_GEN)
		return CKR_MECHANISM_INVALID;
	if (mechanism->pParameter != NULL)
		return CKR_MECHANISM_PARAM_INVALID;
	if (set == NULL || label == NULL || id == NULL || label->ulValueLen > sizeof key->label || id->ulValueLen > sizeof key->id)
		return CKR_TEMPLATE_INCOMPLETE;
	pthread_mutex_lock(&lock);
	if (!loggedIn)
		return unlocked(CKR_USER_NOT_LOGGED_IN);
	if (keyCount == KEYS)
		return unlocked(CKR_DEVICE_MEMORY);
	memset(key, 0, sizeof *key);
	memcpy(&key->set, set->pValue, sizeof key->set);
	if (key->set < 1 || key->set > 3)
		return unlocked(CKR_ATTRIBUTE_VALUE_INVALID);
	randomSeed(key->seed);
	key->labelLength = label->ulValueLen;
	memcpy(key->label, label->pValue, label->ulValueLen);
	key->idLength = id->ulValueLen;
	memcpy(key->id, id->pValue, id->ulValueLen);
	i = snprintf(path, sizeof path, "%s/", getenv("MLDSA_TOKEN"));
	for (CK_ULONG j = 0; j < key->idLength; j++)
		i += snprintf(path + i, sizeof path - i, "%02x", key->id[j]);
	file = fopen(path, "wb");
	if (file == NULL || fwrite(key, sizeof *key, 1, file) != 1 || fclose(file) != 0)
		return unlocked(CKR_DEVICE_ERROR);
	keyCount++;
	*privateHandle = 2 * keyCount - 1;
	*publicHandle = 2 * keyCount;
	return unlocked(CKR_OK);
}

static CK_RV signInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key) {
	if (mechanism->mechanism != CKM_ML_DSA)
		return CKR_MECHANISM_INVALID;
	if (mechanism->pParameter != NULL || mechanism->ulParameterLen != 0)
		return CKR_MECHANISM_PARAM_INVALID;
	pthread_mutex_lock(&lock);
	if (!known(session))
		return unlocked(CKR_SESSION_HANDLE_INVALID);
	if (!loggedIn)
		return unlocked(CKR_USER_NOT_LOGGED_IN);
	if (key == 0 || key > 2 * keyCount || key % 2 == 0)
		return unlocked(CKR_KEY_HANDLE_INVALID);
	sessions[session - 1].key = key;
	return unlocked(CKR_OK);
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size, CK_BYTE *signature, CK_ULONG *length) {
	unsigned char made[LARGEST];
	struct pair key;
	CK_ULONG n;
	pthread_mutex_lock(&lock);
	if (!known(session) || sessions[session - 1].key == 0)
		return unlocked(CKR_OPERATION_NOT_INITIALIZED);
	key = keys[(sessions[session - 1].key - 1) / 2];
	unlocked(CKR_OK);
	n = signWith(key.set, key.seed, data, size, made);
	if (n == 0)
		return CKR_DEVICE_ERROR;
	if (signature != NULL && *length < n) {
		*length = n;
		return CKR_BUFFER_TOO_SMALL;
	}
	*length = n;
	if (signature == NULL)
		return CKR_OK;
	memcpy(signature, made, n);
	sessions[session - 1].key = 0;
	return CKR_OK;
}

static CK_RV unsupported(void) { return CKR_FUNCTION_NOT_SUPPORTED; }

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
	static CK_FUNCTION_LIST all;
	void **function;
	for (function = (void **)&all.C_Initialize; function < (void **)(&all + 1); function++)
		*function = (void *)unsupported;
	all.version.major = 2; /* the function list's own version: its functions are those of 2.40 */
	all.version.minor = 40;
	all.C_Initialize = initialize;
	all.C_Finalize = finalize;
	all.C_GetInfo = getInfo;
	all.C_GetFunctionList = C_GetFunctionList;
	all.C_GetSlotList = getSlotList;
	all.C_GetTokenInfo = getTokenInfo;
	all.C_OpenSession = openSession;
	all.C_CloseSession = closeSession;
	all.C_GetSessionInfo = getSessionInfo;
	all.C_Login = login;
	all.C_Logout = logout;
	all.C_FindObjectsInit = findObjectsInit;
	all.C_FindObjects = findObjects;
	all.C_FindObjectsFinal = findObjectsFinal;
	all.C_GetAttributeValue = getAttributeValue;
	all.C_GenerateKeyPair = generateKeyPair;
	all.C_SignInit = signInit;
	all.C_Sign = sign;
	*list = &all;
	return CKR_OK;
}
